"""Element names of the resource types that are read, to tell misspelt and other-version elements from known ones."""

# Elements that every one of these resources may have.
_EVERYWHERE = "id implicitRules language meta text contained extension modifierExtension resourceType"

# Elements of FHIR R4 and R4B.
_R4 = {
    "Patient": (
        "active address birthDate communication contact deceasedBoolean deceasedDateTime gender "
        "generalPractitioner identifier link managingOrganization maritalStatus multipleBirthBoolean "
        "multipleBirthInteger name photo telecom"
    ),
    "DiagnosticReport": (
        "basedOn category code conclusion conclusionCode effectiveDateTime effectivePeriod encounter "
        "identifier imagingStudy issued media performer presentedForm result resultsInterpreter specimen "
        "status subject"
    ),
    "Observation": (
        "basedOn bodySite category code component dataAbsentReason derivedFrom device effectiveDateTime "
        "effectiveInstant effectivePeriod effectiveTiming encounter focus hasMember identifier interpretation "
        "issued method note partOf performer referenceRange specimen status subject valueBoolean "
        "valueCodeableConcept valueDateTime valueInteger valuePeriod valueQuantity valueRange valueRatio "
        "valueSampledData valueString valueTime"
    ),
    "Condition": (
        "abatementAge abatementDateTime abatementPeriod abatementRange abatementString asserter bodySite "
        "category clinicalStatus code encounter evidence identifier note onsetAge onsetDateTime onsetPeriod "
        "onsetRange onsetString recordedDate recorder severity stage subject verificationStatus"
    ),
    "MedicationRequest": (
        "authoredOn basedOn category courseOfTherapyType detectedIssue dispenseRequest doNotPerform "
        "dosageInstruction encounter eventHistory groupIdentifier identifier instantiatesCanonical "
        "instantiatesUri insurance intent medicationCodeableConcept medicationReference note performer "
        "performerType priorPrescription priority reasonCode reasonReference recorder reportedBoolean "
        "reportedReference requester status statusReason subject substitution supportingInformation"
    ),
    "MedicationStatement": (
        "basedOn category context dateAsserted derivedFrom dosage effectiveDateTime effectivePeriod "
        "identifier informationSource medicationCodeableConcept medicationReference note partOf reasonCode "
        "reasonReference status statusReason subject"
    ),
    "MedicationAdministration": (
        "category context device dosage effectiveDateTime effectivePeriod eventHistory identifier "
        "instantiates medicationCodeableConcept medicationReference note partOf performer reasonCode "
        "reasonReference request status statusReason subject supportingInformation"
    ),
    "MedicationDispense": (
        "authorizingPrescription category context daysSupply destination detectedIssue dosageInstruction "
        "eventHistory identifier location medicationCodeableConcept medicationReference note partOf performer "
        "quantity receiver status statusReasonCodeableConcept statusReasonReference subject substitution "
        "supportingInformation type whenHandedOver whenPrepared"
    ),
    "Medication": "amount batch code form identifier ingredient manufacturer status",
    "Procedure": (
        "asserter basedOn bodySite category code complication complicationDetail encounter focalDevice "
        "followUp identifier instantiatesCanonical instantiatesUri location note outcome partOf performedAge "
        "performedDateTime performedPeriod performedRange performedString performer reasonCode "
        "reasonReference recorder report status statusReason subject usedCode usedReference"
    ),
    "AllergyIntolerance": (
        "asserter category clinicalStatus code criticality encounter identifier lastOccurrence note onsetAge "
        "onsetDateTime onsetPeriod onsetRange onsetString patient reaction recordedDate recorder type "
        "verificationStatus"
    ),
    "Device": (
        "contact definition deviceName distinctIdentifier expirationDate identifier location lotNumber "
        "manufactureDate manufacturer modelNumber note owner parent partNumber patient property safety "
        "serialNumber specialization status statusReason type udiCarrier url version"
    ),
    "DeviceUseStatement": (
        "basedOn bodySite derivedFrom device identifier note reasonCode reasonReference recordedOn source "
        "status subject timingDateTime timingPeriod timingTiming"
    ),
    "DeviceRequest": (
        "authoredOn basedOn codeCodeableConcept codeReference encounter groupIdentifier identifier "
        "instantiatesCanonical instantiatesUri insurance intent note occurrenceDateTime occurrencePeriod "
        "occurrenceTiming parameter performer performerType priorRequest priority reasonCode reasonReference "
        "relevantHistory requester status subject supportingInfo"
    ),
    "ServiceRequest": (
        "asNeededBoolean asNeededCodeableConcept authoredOn basedOn bodySite category code doNotPerform "
        "encounter identifier instantiatesCanonical instantiatesUri insurance intent locationCode "
        "locationReference note occurrenceDateTime occurrencePeriod occurrenceTiming orderDetail "
        "patientInstruction performer performerType priority quantityQuantity quantityRange quantityRatio "
        "reasonCode reasonReference relevantHistory replaces requester requisition specimen status subject "
        "supportingInfo"
    ),
    "NutritionOrder": (
        "allergyIntolerance dateTime encounter enteralFormula excludeFoodModifier foodPreferenceModifier "
        "identifier instantiates instantiatesCanonical instantiatesUri intent note oralDiet orderer patient "
        "status supplement"
    ),
    "DocumentReference": (
        "authenticator author category content context custodian date description docStatus identifier "
        "masterIdentifier relatesTo securityLabel status subject type"
    ),
    "Encounter": (
        "account appointment basedOn class classHistory diagnosis episodeOfCare hospitalization identifier "
        "length location partOf participant period priority reasonCode reasonReference serviceProvider "
        "serviceType status statusHistory subject type"
    ),
    "ImagingStudy": (
        "basedOn description encounter endpoint identifier interpreter location modality note "
        "numberOfInstances numberOfSeries procedureCode procedureReference reasonCode reasonReference "
        "referrer series started status subject"
    ),
    "Specimen": (
        "accessionIdentifier collection condition container identifier note parent processing receivedTime "
        "request status subject type"
    ),
    "Binary": "contentType data securityContext",
}

# Elements that came with FHIR R5; their content is read where it means the same.
_R5 = {
    "DiagnosticReport": "composition note study supportingInfo",
    "Observation": (
        "bodyStructure instantiatesCanonical instantiatesReference triggeredBy valueAttachment valueReference"
    ),
    "Condition": "participant",
    "MedicationRequest": (
        "device effectiveDosePeriod informationSource medication reason renderedDosageInstruction reported "
        "statusChanged"
    ),
    "MedicationStatement": (
        "adherence effectiveTiming encounter medication reason relatedClinicalInformation renderedDosageInstruction"
    ),
    "MedicationAdministration": (
        "basedOn encounter isSubPotent medication occurenceDateTime occurencePeriod occurenceTiming "
        "occurrenceDateTime occurrencePeriod occurrenceTiming reason recorded subPotentReason"
    ),
    "MedicationDispense": (
        "basedOn encounter medication notPerformedReason recorded renderedDosageInstruction statusChanged"
    ),
    "Medication": "definition doseForm marketingAuthorizationHolder totalVolume",
    "Procedure": (
        "focus occurrenceAge occurrenceDateTime occurrencePeriod occurrenceRange occurrenceString "
        "occurrenceTiming reason recorded reportedBoolean reportedReference supportingInfo used"
    ),
    "AllergyIntolerance": "participant",
    "Device": (
        "availabilityStatus biologicalSourceEvent category conformsTo cycle displayName duration endpoint "
        "gateway mode name"
    ),
    "DeviceRequest": "asNeeded asNeededFor code doNotPerform quantity reason replaces",
    "ServiceRequest": "bodyStructure focus location reason",
    "NutritionOrder": "basedOn groupIdentifier outsideFoodAllowed performer priority subject supportingInformation",
    "DocumentReference": "attester basedOn bodySite event facilityType modality period practiceSetting version",
    "Encounter": (
        "actualPeriod admission careTeam dietPreference plannedEndDate plannedStartDate reason "
        "specialArrangement specialCourtesy subjectStatus virtualService"
    ),
    "ImagingStudy": "partOf procedure reason",
    "Specimen": "combined feature role",
}

_EVERYWHERE_SET = frozenset(_EVERYWHERE.split())
R4_ELEMENTS = {kind: _EVERYWHERE_SET | frozenset(names.split()) for kind, names in _R4.items()}
R5_ELEMENTS = {kind: frozenset(names.split()) for kind, names in _R5.items()}
